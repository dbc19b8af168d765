"""A campaign on another machine: ssh and rsync, push, fetch, watch."""
