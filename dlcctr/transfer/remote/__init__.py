"""The other machine: its address, ssh and rsync, and a campaign's folder there."""
