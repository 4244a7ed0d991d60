"""From a campaign and a person to a mail: templates, personalisation, links and tokens."""
