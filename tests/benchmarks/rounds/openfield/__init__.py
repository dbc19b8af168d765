"""One round on DeepLabCut's open-field project, by the product's own commands; errors in held-out frames."""
