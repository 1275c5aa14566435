"""Storage of the viewer: database and schema, accounts, readings and verdicts, audit log, agreement, export."""
