"""The remote host: its address, ssh and rsync, and a campaign's folder there."""
