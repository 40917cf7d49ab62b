"""A program that reads one value of a cache as fast as it goes: `python gets.py URL CLIENTS SECONDS`."""

import multiprocessing
import sys
import time

import redis

VALUE = "x" * 100
BEGIN = 0.5
"""Seconds until the clients begin, all at once."""


def client(url: str, begin: float, seconds: float) -> int:
    """Ask until the time is over; how often that was."""
    cache = redis.from_url(url, decode_responses=True)
    cache.set("k", VALUE)
    time.sleep(max(0.0, begin - time.time()))
    done = 0
    while time.time() < begin + seconds:
        if cache.get("k") != VALUE:
            sys.exit("another value came back")
        done += 1
    return done


def main() -> None:
    """Print how many calls a second all clients got answered."""
    url, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with multiprocessing.get_context("fork").Pool(clients) as pool:
        turn = (url, time.time() + BEGIN, seconds)
        print(sum(pool.starmap(client, [turn] * clients, chunksize=1)) / seconds)


if __name__ == "__main__":
    main()
