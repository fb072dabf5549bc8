"""What users have decided about certificates, and where that is kept."""
