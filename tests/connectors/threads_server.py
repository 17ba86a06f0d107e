"""The part of the Threads API that https://developers.facebook.com/documentation/threads describes in …/posts, …/reference/publishing,
…/troubleshooting, …/posts/delete-posts, …/retrieve-and-discover-posts/retrieve-posts and …/get-started/long-lived-tokens, for one account."""

from fake_server import serve
from meta_server import ME, Meta


class Threads(Meta):
    grant, made, publishes, limits = "th", "threads", "threads_publish", "threads_publishing_limit"
    status, reason, text = "status", "error_message", "text"
    permalink = "https://www.threads.com/@kpuseribu/post/"
    formats = ("JPEG", "PNG")
    me = {"id": ME, "username": "kpuseribu"}
    short = {"access_token": "pendek", "user_id": int(ME)}

    def wrong(self, said):
        if said["media_type"] == "TEXT" and not said.get("text"):
            return self.refuse(100, "Text is required")
        if len(said.get("text", "")) > 500:
            return self.refuse(100, "Param text must be at most 500 characters long.")
        if said.get("link_attachment") and said["media_type"] != "TEXT":
            return self.refuse(100, "Links may only be attached to text posts")
        return None


if __name__ == "__main__":
    serve(Threads)
