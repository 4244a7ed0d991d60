"""Tags, auto tags and customer lists: evaluated, published, compared, explained."""
