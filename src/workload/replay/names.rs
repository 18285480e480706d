//! Names of models and users as dense numbers. Grows with the number of different names, not with the rows.

use std::collections::BTreeMap;

use crate::ids::ModelId;

/// The models and users that were met so far.
#[derive(Clone, Debug)]
pub struct Names {
    models: Vec<Box<str>>,
    model_places: BTreeMap<Box<str>, u16>,
    users: Vec<Box<str>>,
    user_places: BTreeMap<Box<str>, u32>,
    last_model: ModelId,
}

impl Default for Names {
    fn default() -> Self {
        let blank: Box<str> = "".into();
        Self {
            models: vec![blank.clone()],
            model_places: BTreeMap::from([(blank, 0)]),
            users: Vec::new(),
            user_places: BTreeMap::new(),
            last_model: ModelId::BLANK,
        }
    }
}

impl Names {
    /// The number of this model; the blank model when there are more than 65,535.
    pub fn model(&mut self, name: &str) -> ModelId {
        // mostly the same one as before
        if self.models.get(self.last_model.at()).is_some_and(|last| &**last == name) {
            return self.last_model;
        }
        let place = match self.model_places.get(name) {
            Some(&place) => place,
            None => match u16::try_from(self.models.len()) {
                Ok(place) => {
                    self.models.push(name.into());
                    self.model_places.insert(name.into(), place);
                    place
                }
                Err(_) => 0,
            },
        };
        self.last_model = ModelId(place);
        self.last_model
    }

    /// The number of this user.
    pub fn user(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.user_places.get(name) {
            return place;
        }
        let place = self.users.len() as u32;
        self.users.push(name.into());
        self.user_places.insert(name.into(), place);
        place
    }

    /// A model's name.
    pub fn model_name(&self, model: ModelId) -> &str {
        self.models.get(model.at()).map_or("", |name| name)
    }

    /// A user's name.
    pub fn user_name(&self, user: u32) -> &str {
        self.users.get(user as usize).map_or("", |name| name)
    }

    /// All models; number 0 is the blank one.
    pub fn models(&self) -> &[Box<str>] {
        &self.models
    }

    /// All users.
    pub fn users(&self) -> &[Box<str>] {
        &self.users
    }
}
