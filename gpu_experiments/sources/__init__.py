"""Where images with labels come from: files, archives and packages, read into bytes by NumPy."""
