"""What came out, for people and programs: terminal, page, pictures, tables."""
