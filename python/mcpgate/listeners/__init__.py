"""Where clients come in: granian's RSGI, cut into messages."""
