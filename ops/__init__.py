"""The nouns: what the verbs in `tasks/` work on. Nothing here imports a verb."""
