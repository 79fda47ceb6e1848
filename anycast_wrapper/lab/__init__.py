"""A laboratory: namespaces, a real router, real name servers, and measured queries."""
