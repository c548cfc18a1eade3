"""What upstream publishes, as data: names, versions, paths, images of addons. How it is had is in sources/."""
