"""What computed system relations contain: a module for each subject, with its RELATIONS."""
