"""PicoSAM3, segmentation of a region of interest inside an image sensor."""
