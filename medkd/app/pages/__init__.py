"""Pages of the viewer: work list, case, model, agreement, accounts. ``medkd.app.pages.shell`` assembles them."""
