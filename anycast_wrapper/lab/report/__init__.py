"""What people see of a run: live, as a table with timelines, and as a page."""
