"""What pulls a student towards its teachers; one concept a file."""
