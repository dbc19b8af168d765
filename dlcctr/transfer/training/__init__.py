"""A project on another machine: sent there to be trained, and its trained shuffles fetched."""
