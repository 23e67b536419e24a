"""What the server does, in the words of the field: receiving, publishing, merging, reviewing, releasing. No HTTP here."""
