"""VoxConverse on disk: everything behind `scripts/setup/prepare_voxconverse.py`.

Read in this order: sources, archives, contents, sets.
"""
