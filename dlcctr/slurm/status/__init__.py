"""One status for every row: state, cause of a failure, throughput, log."""
