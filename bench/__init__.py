"""Measure the gateway: load over real sockets, micro benches, figures against their bars."""
