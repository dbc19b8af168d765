"""A campaign's jobs: what was submitted, whether it arrived, and what became of each row's task."""
