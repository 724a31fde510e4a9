"""What is not a local folder: pages, repositories, standard input."""
