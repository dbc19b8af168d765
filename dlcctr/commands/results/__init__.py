"""Commands for what is analysed: is it whole, is it right, what is made of it."""
