"""Fine-tune, pretrain, merge and convert models.  Nothing is offered in this version."""
