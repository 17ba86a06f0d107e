"""What one completed task costs, and what it would cost without Terbit's engine. Run by `make bench`."""
