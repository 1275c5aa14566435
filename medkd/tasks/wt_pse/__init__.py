"""WT-PSE, domain-generalised segmentation of optic disc and cup, on which ROBUST-WT builds."""
