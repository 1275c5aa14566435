"""TaxDistill, the taxonomy of metagenomic contigs from composition and abundance, taught by a genome language model."""
