"""The supervisor of `analyze`: request, row, attempt, worker process, array task."""
