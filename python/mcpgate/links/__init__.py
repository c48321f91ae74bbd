"""Links: live connections to servers, one file per transport."""
