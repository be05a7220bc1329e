"""Knowledge (RAG): passages that fit a question, out of documents that the Agent names.

    sources --bytes--> reader (a process of its own) --sections--> chunks --passages--> index
                                                                                          ^
                                                                     question --> library --> passages

Documents are fetched, read and indexed in the background; a chat only asks the index. What fails there is
logged and tried again, and the passages of the last time stay: no chat fails because of a source.
"""
