"""Did it help?"""
