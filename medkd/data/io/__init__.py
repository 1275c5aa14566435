"""Files: archives, tables, documents, atomic and private writing, locks and digests."""
