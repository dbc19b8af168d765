"""Submit rows, submit them again by cause, and cancel them."""
