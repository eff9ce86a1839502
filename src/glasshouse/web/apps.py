from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "glasshouse.web"
    label = "web"
