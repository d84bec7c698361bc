"""Files on servers, read in place: object storage, web servers, SSH and file servers, by fsspec and its backends."""
