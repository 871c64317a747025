"""What is wrong, odd or limited about a molecule table."""
