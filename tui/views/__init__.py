"""The views, in the order of `<` and `>`: the names of the app's modes, and where each lives."""

VIEWS = {
    "explore": "explore.screen:ExploreScreen",
    "scale": "scale.screen:ScaleScreen",
    "compare": "compare.screen:CompareScreen",
    "sample": "sample.screen:SampleScreen",
    "damage": "damage.screen:DamageScreen",
}
