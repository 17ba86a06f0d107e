"""The part of the Threads API that https://developers.facebook.com/documentation/threads describes in …/posts, …/reference/publishing,
…/troubleshooting, …/posts/delete-posts, …/retrieve-and-discover-posts/retrieve-posts, …/retrieve-and-manage-replies and
…/get-started/long-lived-tokens, for one account."""

from fake_server import serve, threaded
from meta_server import ME, Meta


class Threads(Meta):
    grant, made, publishes, limits = "th", "threads", "threads_publish", "threads_publishing_limit"
    status, reason, text = "status", "error_message", "text"
    permalink = "https://www.threads.com/@kpuseribu/post/"
    formats = ("JPEG", "PNG")
    me = {"id": ME, "username": "kpuseribu"}
    short = {"access_token": "pendek", "user_id": int(ME)}

    def reset(self):
        super().reset()
        self.replies = 1_000_000  # that it may publish; below 0: it was not signed in to with the permission

    def posts(self):
        return threaded({id: (post["parent"], post["text"]) for id, post in self.shown.items()})

    def limit(self, call):
        status, said = super().limit(call)
        if "reply_" in call.query["fields"]:
            if self.replies < 0:
                return self.refuse(10, "Application does not have permission for this action")
            said["data"][0] |= {"reply_quota_usage": 0, "reply_config": {"quota_total": self.replies, "quota_duration": 86400}}
        return status, said

    def wrong(self, said):
        if said.get("reply_to_id") and said["reply_to_id"] not in self.shown:
            return self.refuse(24, "The requested resource does not exist")
        if said["media_type"] == "TEXT" and not said.get("text"):
            return self.refuse(100, "Text is required")
        if len(said.get("text", "")) > 500:
            return self.refuse(100, "Param text must be at most 500 characters long.")
        if said.get("link_attachment") and said["media_type"] != "TEXT":
            return self.refuse(100, "Links may only be attached to text posts")
        return None


if __name__ == "__main__":
    serve(Threads)
