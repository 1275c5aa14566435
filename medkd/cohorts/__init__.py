"""One published data set a file, and one synthesiser a modality."""
