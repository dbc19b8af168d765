"""The model that a row's settings name, and that it is still the one that its campaign was made for."""

from __future__ import annotations

from dlcctr.campaign import Campaign
from dlcctr.errors import ModelError
from dlcctr.model.inspection import ModelInfo, inspect_model


def inspect_campaign_model(settings: Campaign) -> ModelInfo:
    """Look at the model of a campaign, or of a row with settings of its own (`dlcctr.manifest.row_settings`).

    Raises
    ------
    ModelError
        No model is named, it is not whole, or it is not the campaign's any more.
    """
    if settings.model is None:
        raise ModelError(
            f"no model is named: {settings.file} {'has none' if settings.file.exists() else 'is not there'}",
            "give the DeepLabCut project folder with --model",
        )
    model = inspect_model(
        settings.model,
        shuffle=settings.shuffle,
        trainset_index=settings.trainset_index,
        snapshot=settings.snapshot,
    )
    if settings.model_hash and settings.model_hash != model.hash:
        raise ModelError(
            f"{settings.model}: not the model that {settings.file} was made for (its hash is {model.hash[:8]}, "
            f"not {settings.model_hash[:8]})",
            "bring the campaign's model back, or make a new campaign with `dlcctr manifest --model`",
        )
    return model
