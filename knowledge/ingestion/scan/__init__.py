"""The files below a folder, without what is ignored."""
