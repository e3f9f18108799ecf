from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ingestion import collection_views, sharing_views, upload_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("documents", views.library, name="library"),
    path("documents/bulk", views.bulk, name="bulk"),
    path("documents/progress", views.progress, name="progress"),
    path("documents/<uuid:pk>", views.document, name="document"),
    path("documents/<uuid:pk>/retry", views.retry, name="retry_document"),
    path("documents/<uuid:pk>/cancel", views.cancel, name="cancel_document"),
    path("documents/<uuid:pk>/tags", sharing_views.set_tags, name="set_tags"),
    path("documents/<uuid:pk>/share", sharing_views.share, name="share"),
    path(
        "documents/<uuid:pk>/shares/<int:number>/end",
        sharing_views.unshare,
        name="unshare",
    ),
    path("documents/<uuid:pk>/delete", views.delete, name="delete_document"),
    path(
        "documents/<uuid:pk>/pages/<int:number>.png",
        views.page_image,
        name="page_image",
    ),
    path("collections/new", collection_views.create, name="new_collection"),
    path("collections/<uuid:pk>/documents", upload_views.upload, name="upload"),
    path("collections/<uuid:pk>/fetch", upload_views.fetch, name="fetch"),
    path("collections/<uuid:pk>/choice", upload_views.choose, name="choose"),
    path(
        "collections/<uuid:pk>/settings", collection_views.settings, name="collection"
    ),
    path(
        "collections/<uuid:pk>/members", collection_views.add_member, name="add_member"
    ),
    path(
        "collections/<uuid:pk>/retry",
        collection_views.retry_all,
        name="retry_collection",
    ),
    path(
        "collections/<uuid:pk>/delete",
        collection_views.delete,
        name="delete_collection",
    ),
    path(
        "members/<int:pk>/remove", collection_views.remove_member, name="remove_member"
    ),
]
