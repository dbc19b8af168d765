"""Play a video in Chromium to its end, and print what was seen as JSON. Arguments: PAGE, which has one video.

It runs in an environment of its own, which has Playwright but not dlcctr.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PLAY = """
async () => {
    const video = document.querySelector('video');
    await new Promise((ready, fail) => {
        video.addEventListener('loadedmetadata', ready);
        video.addEventListener('error', () => fail(new Error(video.error.message)));
        video.load();
    });
    const seen = {width: video.videoWidth, height: video.videoHeight, duration: video.duration, times: []};
    const note = () => seen.times.push(video.currentTime);
    video.addEventListener('timeupdate', note);
    const ended = new Promise(done => video.addEventListener('ended', done));
    video.muted = true;
    await video.play();
    await ended;
    note();
    video.removeEventListener('timeupdate', note);
    seen.dropped = video.getVideoPlaybackQuality().droppedVideoFrames;
    seen.shown = video.getVideoPlaybackQuality().totalVideoFrames;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const at = async (time) => {
        const moved = new Promise(done => video.addEventListener('seeked', done, {once: true}));
        video.currentTime = time;
        await moved;
        canvas.getContext('2d').drawImage(video, 0, 0);
        return canvas.toDataURL('image/png');
    };
    seen.picture = await at(0.5);
    return seen;
}
"""


def main() -> None:
    """Play it."""
    page_file = Path(sys.argv[1])
    with sync_playwright() as playwright:
        # as root Chromium starts only without its sandbox; pixels of a file are read only if that is allowed
        words = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--allow-file-access-from-files"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=words)
        page = browser.new_page()
        page.goto(page_file.as_uri())
        print(json.dumps(page.evaluate(PLAY)))
        browser.close()


if __name__ == "__main__":
    main()
