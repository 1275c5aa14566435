"""What a bundle is worth on patients that it never saw, and in the months after."""
