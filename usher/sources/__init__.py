"""Where customer data comes from: connections, tables, keys, time columns, freshness."""
