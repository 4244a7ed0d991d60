"""Rules for sets of people, part by part: values, links, grouped rows, sequences, and all people compared."""
