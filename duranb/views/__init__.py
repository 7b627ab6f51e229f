"""What people read: status, log, show and diff, and every one-line message."""
