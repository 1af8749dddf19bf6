"""Access control: permissions, rate limits and the loop guard."""
