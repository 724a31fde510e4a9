"""Archives: ZIP, TAR and packed single files, each member read by its own loader."""
